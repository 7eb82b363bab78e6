from django.contrib.admin.apps import AdminConfig


class SiteConfig(AdminConfig):
    """Django's admin with the site of ours."""

    default = False
    default_site = "stickersnap.admin_site.Site"
