"""Picture files as pixels of one size: turned upright, laid on white, 8 bits a channel, cut and resized; or refused by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lthkit.data.file_formats import DataError
from lthkit.machine.checks import first_line
from lthkit.machine.work import waiting

SUFFIXES = (
    ".bmp", ".gif", ".jpeg", ".jpg", ".jfif", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp",
)  # fmt: skip
# As Pillow calls them; the content of a file says which it is. No others are tried: some run programs of their own.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
OWN_SIZE_UP_TO, OTHER_SIZE = 64, 32  # pixels a side
_GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N")
_GREY_16 = ("I;16", "I;16B", "I;16L", "I;16N")


@dataclass(frozen=True)
class Pictures:
    """uint8 [n, channels, height, width]; resized: whether any had another size."""

    pixels: np.ndarray[Any, Any]
    resized: bool


def read_pictures(paths: Sequence[Path], size: tuple[int, int] | None, channels: int | None) -> Pictures:
    """All pictures in one size (height, width) and with as many channels, as `Dataset.from_folder` describes.

    Raises:
        DataError: a file that is damaged, no picture, or several; one whose pixels cannot be 8 bits without a loss.
    """
    with closing(waiting(paths, "looking at pictures")) as looked_at:
        heads = [_head(path) for path in looked_at]
    if size is None:
        height, width = heads[0][0]
        own = all(head == (height, width) for head, _ in heads) and max(height, width) <= OWN_SIZE_UP_TO
        size = (height, width) if own else (OTHER_SIZE, OTHER_SIZE)
    if channels is None:
        channels = 1 if all(grey for _, grey in heads) else 3
    pixels, deepest = np.empty((len(paths), *size, channels), dtype=np.uint8), 0
    with closing(waiting(paths, "reading pictures")) as read:
        for i, path in enumerate(read):
            pixels[i], brightest = _pixels(path, size, channels)
            deepest = max(deepest, brightest)
    if 0 < deepest < 1 << 14:
        raise DataError(
            f"The pictures with 16 bits a pixel are nowhere brighter than {deepest:,} of 65,535, so of their greys only "
            f"{(deepest >> 8) + 1} would be left in 8 bits. Scale them to the whole range, and save them with 8 bits."
        )
    wanted = size
    resized = any(head != wanted for head, _ in heads)
    return Pictures(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)), resized)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The picture in a file. What goes wrong with it becomes a DataError that names the file."""
    try:
        from PIL import Image, ImageFile
    except ImportError as error:
        raise DataError("Reading pictures needs Pillow: pip install pillow") from error
    if path.exists() and not path.is_file():
        raise DataError(f"{path} is no file; expected a picture. Move it elsewhere.")
    patience = ImageFile.LOAD_TRUNCATED_IMAGES
    # Where a program lets Pillow read half a picture, it is grey below, and no error.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with Image.open(path, formats=_FORMATS) as image:
            yield image
    except DataError:
        raise
    except (PermissionError, FileNotFoundError, IsADirectoryError) as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}). Make it readable, or move it elsewhere."
        ) from error
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error and more
        raise DataError(
            f"{path} is damaged or no picture that Pillow reads ({type(error).__name__}: {first_line(error)}). Save it again, as "
            "PNG say, or move it elsewhere."
        ) from error
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = patience


def _head(path: Path) -> tuple[tuple[int, int], bool]:
    """Height and width as the picture is seen, and whether it is stored in grey; its pixels are not read."""
    from PIL import ImageOps

    with _opened(path) as image:
        frames = getattr(image, "n_frames", 1)
        # MPO: a camera has added smaller copies, and the first is the picture.
        if frames > 1 and image.format != "MPO":
            raise DataError(
                f"{path} holds {frames} pictures (frames or pages); expected one. Save the one that is meant by itself."
            )
        mode, (width, height) = image.mode, image.size
        if image.getexif().get(0x0112, 1) != 1:  # the orientation in which the camera was held
            width, height = ImageOps.exif_transpose(image).size
        return (height, width), mode in _GREY


def _pixels(path: Path, size: tuple[int, int], channels: int) -> tuple[np.ndarray[Any, Any], int]:
    """uint8 [height, width, channels], and the largest value of a picture of 16 bits, else 0."""
    from PIL import Image, ImageOps

    height, width = size
    with _opened(path) as image:
        deep = any(
            ";16" in str(tile) for tile in image.tile
        )  # as the file has it; Pillow makes colour 8 bits by itself
        image.load()
        upright = ImageOps.exif_transpose(image)
        upright, deepest = _eight_bits(path, upright, image.format)
        flat = _on_white(path, upright)
        if deep and not deepest:
            deepest = max(high for _, high in upright.getextrema()[:3]) << 8 | 255
        if channels == 3 or flat.mode not in ("1", "L"):
            flat = flat.convert("RGB")
        if channels == 1:
            flat = flat.convert("L")
        if flat.size != (width, height):
            flat = ImageOps.fit(flat, (width, height), method=Image.Resampling.BILINEAR, centering=(0.5, 0.5))
        return np.asarray(flat).reshape(height, width, channels), deepest


def _eight_bits(path: Path, image: Any, file_format: str | None) -> tuple[Any, int]:
    """The picture with 8 bits a channel: of 16 bits of grey the upper 8, as Pillow takes them of 16 bits of colour."""
    from PIL import Image

    if image.mode not in _GREY_16 and image.mode not in ("I", "F"):
        return image, 0
    if image.mode == "F" or (image.mode == "I" and file_format not in ("PNG", "PPM")):
        raise DataError(
            f"{path} has 32 bits a pixel ({image.mode}), and which value is white is not said; expected 8 or 16. Scale it to 0 "
            "to 255, and save it with 8 bits."
        )
    if "transparency" in image.info:
        raise DataError(
            f"{path} has 16 bits of grey and a transparent colour; expected one or the other. Save it with 8 bits."
        )
    values = np.asarray(image).astype(np.int64)
    return Image.fromarray((values >> 8).astype(np.uint8)), max(1, int(values.max()))


def _on_white(path: Path, image: Any) -> Any:
    """The picture without transparency: what lies behind it is white."""
    from PIL import Image

    if image.mode not in ("LA", "La", "PA", "RGBA", "RGBa") and "transparency" not in image.info:
        return image
    layers = image.convert("RGBA") if image.mode != "La" else image.convert("LA").convert("RGBA")
    low, high = layers.getchannel("A").getextrema()
    flat = Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("RGB")
    colours: Any = flat.getextrema()
    if low != high and all(darkest == brightest for darkest, brightest in colours):
        raise DataError(
            f"{path} is of one colour once it is laid on white: all that it shows is in its transparency. Lay it on a ground of "
            "another colour, and save it without transparency."
        )
    return flat if image.mode not in ("LA", "La") else flat.convert("L")
