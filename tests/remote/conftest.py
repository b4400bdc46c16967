from tests.remote.servers import http, moto_server, s3, settings

__all__ = ["http", "moto_server", "s3", "settings"]
