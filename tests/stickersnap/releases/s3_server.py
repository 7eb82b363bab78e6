"""OpenStack Swift with its S3 API, in one process: `python s3_server.py FOLDER PORT`. What it is given lies in FOLDER.

Proxy, account, container and object server are Swift's own, with signatures, access rights, bucket versions and
quotas; what is spread over hosts elsewhere runs here in threads of one process, with one copy of each object.
S3_DIES_AFTER=3 kills it when the fourth object arrives.
"""

import os
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

FILTERS = {
    "catch_errors": "",
    "gatekeeper": "",
    "listing_formats": "",
    "s3api": "location = us-east-1",
    "tempauth": "user_snap_writer = write-secret-8f1c .admin\nuser_snap_reader = read-secret-27ab",
    "copy": "",
    "container_quotas": "",
    "slo": "",
    "versioned_writes": "allow_object_versioning = true",
    "symlink": "",
}
SERVERS = ("account", "container", "object")
COMMON = """\
[DEFAULT]
swift_dir = {folder}
devices = {folder}/disks
mount_check = false
[pipeline:main]
pipeline = {pipeline}
"""


def configure(folder: Path) -> None:
    """Writes every server's configuration, once."""
    (folder / "disks" / "disk").mkdir(parents=True, exist_ok=True)
    (folder / "swift.conf").write_text("[swift-hash]\nswift_hash_path_suffix = tests\n")
    for name in SERVERS:
        text = COMMON.format(folder=folder, pipeline=name) + f"[app:{name}]\nuse = egg:swift#{name}\n"
        (folder / f"{name}.conf").write_text(text)
    text = COMMON.format(folder=folder, pipeline=" ".join([*FILTERS, "proxy-server"]))
    text += "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n{more}\n" for name, more in FILTERS.items())
    text += "[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\n"
    (folder / "proxy.conf").write_text(text)


def place(folder: Path, name: str, port: int) -> None:
    """Tells the proxy where a server is: a ring of one disk."""
    from swift.common.ring import RingBuilder

    builder = RingBuilder(1, 1, 0)
    where = {"ip": "127.0.0.1", "port": port, "replication_ip": "127.0.0.1", "replication_port": port}
    builder.add_dev({"region": 1, "zone": 1, "weight": 1.0, "device": "disk", **where})
    builder.rebalance()
    builder.get_ring().save(str(folder / f"{name}.ring.gz"))


def mortal(app: Callable[..., Any], left: int) -> Callable[..., Any]:
    """The application, until it was sent more than so many objects."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        nonlocal left
        if environ["REQUEST_METHOD"] == "PUT" and (left := left - 1) < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return app(environ, start_response)

    return answer


def main(folder: Path, port: int) -> None:
    warnings.simplefilter("ignore")
    import eventlet

    eventlet.monkey_patch()
    import eventlet.wsgi
    from swift.common import utils, wsgi

    configure(folder)
    utils.set_swift_dir(str(folder))
    listening = {name: eventlet.listen(("127.0.0.1", 0)) for name in SERVERS}
    for name, socket in listening.items():
        place(folder, name, socket.getsockname()[1])
    (folder / "container.port").write_text(str(listening["container"].getsockname()[1]))
    listening["proxy"] = eventlet.listen(("127.0.0.1", port))
    apps = {name: wsgi.loadapp(str(folder / f"{name}.conf")) for name in listening}
    if after := os.environ.get("S3_DIES_AFTER"):
        apps["proxy"] = mortal(apps["proxy"], int(after))
    serve, options = eventlet.wsgi.server, {"log_output": False, "protocol": wsgi.SwiftHttpProtocol}
    serving = [eventlet.spawn(serve, socket, apps[name], **options) for name, socket in listening.items()]
    for server in serving:
        server.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
