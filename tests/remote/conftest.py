from tests.remote.google import gs
from tests.remote.servers import http, moto_server, s3, settings
from tests.remote.ssh import ssh, sshd

__all__ = ["gs", "http", "moto_server", "s3", "settings", "ssh", "sshd"]
