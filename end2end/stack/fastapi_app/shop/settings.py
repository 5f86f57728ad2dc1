"""Settings of the shop, read once from the environment."""

import os
from dataclasses import dataclass, field
from pathlib import Path


def _env(name: str, default: str) -> str:
    return field(default_factory=lambda: os.environ.get(name, default))


@dataclass(frozen=True)
class Settings:
    """Every field is one environment variable; the defaults suit a developer's machine."""

    broker_url: str = _env("CELERY_BROKER_URL", "redis://localhost:6379/0")
    result_backend: str = _env("CELERY_RESULT_BACKEND", "redis://localhost:6379/1")
    smtp_host: str = _env("SMTP_HOST", "localhost")
    smtp_port: str = _env("SMTP_PORT", "1025")
    mail_from: str = _env("MAIL_FROM", "shop@example.org")
    mail_retry_countdown: str = _env("MAIL_RETRY_COUNTDOWN", "3")
    files_dir: str = _env("FILES_DIR", "files")

    @property
    def catalog_dir(self) -> Path:
        path = Path(self.files_dir) / "catalog"
        path.mkdir(parents=True, exist_ok=True)
        return path


settings = Settings()
