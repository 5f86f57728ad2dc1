"""Picture tasks: real work with Pillow, results in the studio's directory."""

import io
import random
import time
from pathlib import Path
from typing import Any

from celery import shared_task
from flask import current_app
from PIL import Image, ImageDraw


class RemoteGone(ConnectionError):
    """The other side hung up."""


def directory() -> Path:
    """Where the pictures go."""
    path = Path(current_app.config["FILES_DIR"]) / "images"
    path.mkdir(parents=True, exist_ok=True)
    return path


def draw_source(title: str, size: tuple[int, int] = (1600, 1200)) -> Image.Image:
    """A picture to work on: nobody has to upload one to see the studio at work."""
    colours = random.Random(title)
    picture = Image.linear_gradient("L").resize(size).convert("RGB")
    draw = ImageDraw.Draw(picture)
    for _ in range(60):
        x, y, radius = colours.randrange(size[0]), colours.randrange(size[1]), colours.randrange(20, 200)
        fill = tuple(colours.randrange(256) for _ in range(3))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)
    draw.text((20, 20), title, fill="white")
    return picture


@shared_task(bind=True)
def resize_image(self: Any, title: str = "untitled", width: int = 320, height: int = 240) -> dict[str, Any]:
    """Scale a picture down and write it as JPEG."""
    picture = draw_source(title)
    picture.thumbnail((width, height), Image.Resampling.LANCZOS)
    target = directory() / f"{self.request.id}.jpg"
    picture.save(target, quality=85)
    return {"file": target.name, "size": list(picture.size), "bytes": target.stat().st_size}


@shared_task(bind=True)
def contact_sheet(self: Any, pictures: list[dict[str, Any]], columns: int = 4) -> dict[str, Any]:
    """The body of the gallery's chord: all pictures on one sheet."""
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * 160, rows * 120), "white")
    for place, picture in enumerate(pictures):
        with Image.open(directory() / picture["file"]) as part:
            sheet.paste(part, (place % columns * 160, place // columns * 120))
    target = directory() / f"{self.request.id}.png"
    sheet.save(target)
    return {"file": target.name, "pictures": len(pictures)}


@shared_task(bind=True)
def render_mandelbrot(self: Any, size: int = 120, iterations: int = 60) -> str:
    """CPU-bound, and in a thread: it holds up everything else in its worker."""
    picture = Image.new("L", (size, size))
    for y in range(size):
        for x in range(size):
            z, c = 0j, complex(3 * x / size - 2, 3 * y / size - 1.5)
            step = 0
            while abs(z) <= 2 and step < iterations:
                z, step = z * z + c, step + 1
            picture.putpixel((x, y), 255 * step // iterations)
    target = directory() / f"{self.request.id}.png"
    picture.save(target)
    return target.name


@shared_task
def open_upload(data: str = "89504e470d0a1a0a0000") -> list[int]:
    """Read an uploaded picture given as hexadecimal digits. The default one is cut off, so this fails."""
    with Image.open(io.BytesIO(bytes.fromhex(data))) as picture:
        picture.load()
        return list(picture.size)


@shared_task(bind=True, autoretry_for=(ConnectionError,), retry_backoff=1, retry_jitter=False, max_retries=5)
def fetch_remote_image(self: Any, url: str = "https://pictures.example.org/1.jpg", failures: int | None = None) -> str:
    """Fetch a picture from a server that hangs up: `failures` times, or one time in three."""
    gone = random.random() < 1 / 3 if failures is None else self.request.retries < failures
    if gone:
        raise RemoteGone(f"{url}: connection closed by the other side")
    time.sleep(random.uniform(0.1, 0.6))
    return f"fetched {url} at attempt {self.request.retries + 1}"
