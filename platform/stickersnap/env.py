"""Reads settings from the environment, and refuses a value it does not understand."""

import ipaddress
import os
from pathlib import Path
from urllib.parse import urlsplit


class SettingError(ValueError):
    """A setting in the environment has a value that means nothing."""


def text(name: str, default: str = "") -> str:
    """The variable's value, stripped, or `default` where it is unset or empty."""
    return os.environ.get(name, "").strip() or default


def flag(name: str, default: bool = False) -> bool:
    """True for 1/true/yes/on, False for 0/false/no/off. Raises SettingError for anything else."""
    value = text(name).lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise SettingError(f"{name}={value!r} is neither yes nor no: set it to 1 or 0.")


def integer(name: str, default: int, low: int, high: int) -> int:
    """A whole number within [low, high]. Raises SettingError otherwise."""
    value = text(name)
    if not value:
        return default
    if not value.lstrip("-").isdigit() or not low <= int(value) <= high:
        raise SettingError(f"{name}={value!r} must be a whole number from {low} to {high}.")
    return int(value)


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    """One of `allowed`. Raises SettingError otherwise."""
    value = text(name, default)
    if value not in allowed:
        raise SettingError(f"{name}={value!r} must be one of {', '.join(allowed)}.")
    return value


def words(name: str, default: list[str]) -> list[str]:
    """A comma-separated list."""
    value = text(name)
    return [word.strip() for word in value.split(",") if word.strip()] if value else default


def networks(name: str, default: list[str]) -> list[str]:
    """A comma-separated list of addresses or networks, as `10.0.0.0/8`. Raises SettingError otherwise."""
    found = words(name, default)
    for network in found:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            raise SettingError(f"{name}: {network!r} is no network. Write it as 10.0.0.0/8 or 10.0.0.5.") from None
    return found


def place(name: str, default: str) -> str:
    """A folder, made absolute, or a URL. Raises SettingError for one with a password, without showing it."""
    value = text(name, default)
    if "://" not in value:
        return str(Path(value).absolute())
    if "#" in value or "?" in value:
        raise SettingError(f"{name} has a # or a ? in its URL, which would end there: name a place without one.")
    if urlsplit(value).password is not None:
        raise SettingError(
            f"{name} has a password in its URL, where logs and configuration would show it. Leave it out: S3 reads "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or ~/.aws/credentials, SSH a key in ~/.ssh."
        )
    return value
