"""Pictures as files have them: what becomes of their pixels, and which files are refused by name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile

from lthkit.data.file_formats import DataError
from lthkit.data.pictures import read_pictures

HEIGHT, WIDTH = 20, 30
_drawn = np.random.RandomState(0)
RGB = _drawn.randint(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
GREY = RGB[..., 0]
ALPHA = RGB[..., 1]
WORDS = (GREY.astype(np.uint16) << 8) | 7
Array = np.ndarray[Any, Any]
Save = Callable[[Path], object]


def pixels(path: Path, channels: int | None = None) -> Array:
    """[h, w, channels]"""
    read = read_pictures([path], (HEIGHT, WIDTH), channels)
    assert not read.resized
    picture: Array = read.pixels[0].transpose(1, 2, 0)
    return picture


def picture(array: Array, mode: str | None = None, **about: Any) -> Save:
    return lambda path: (Image.fromarray(array, mode) if mode else Image.fromarray(array)).save(path, **about)


def on_white(colours: Array) -> Array:
    part = ALPHA[..., None] / 255
    return np.rint(colours * part + 255 * (1 - part))


GREY3 = GREY[..., None]


@pytest.mark.parametrize(
    ("name", "save", "expected"),
    [
        ("colour.png", picture(RGB), RGB),
        ("colour.bmp", picture(RGB), RGB),
        ("colour.ppm", picture(RGB), RGB),
        ("colour.TIFF", picture(RGB), RGB),
        ("grey.png", picture(GREY), GREY3),
        ("grey.pgm", picture(GREY), GREY3),
        ("bits.png", picture(GREY > 128), 255 * (GREY3 > 128)),
        ("bits.pbm", picture(GREY > 128), 255 * (GREY3 > 128)),
        ("words.png", picture(WORDS), GREY3),
        ("words.tif", picture(WORDS), GREY3),
        ("other_end.tif", picture(WORDS.astype(">u2")), GREY3),
        ("words.pgm", lambda path: path.write_bytes(b"P5 30 20 65535\n" + WORDS.astype(">u2").tobytes()), GREY3),
        ("palette.png", lambda path: Image.fromarray(RGB // 128 * 128).quantize(8).save(path), RGB // 128 * 128),
        ("palette.gif", lambda path: Image.fromarray(RGB // 128 * 128).quantize(8).save(path), RGB // 128 * 128),
        ("inks.tif", lambda path: Image.fromarray(RGB).convert("CMYK").save(path), RGB),
        ("see_through.png", picture(np.dstack([RGB, ALPHA])), on_white(RGB)),
        ("see_through_grey.png", picture(np.dstack([GREY, ALPHA]), "LA"), on_white(GREY3)),
        ("opaque.png", picture(np.dstack([RGB, np.full_like(ALPHA, 255)])), RGB),
    ],
)  # fmt: skip
def test_pixels_are_those_of_the_picture(name: str, save: Save, expected: Array, tmp_path: Path) -> None:
    """Catches 16 bits cut off at 255, hidden colours shown where a picture is transparent, inks taken for light."""
    save(tmp_path / name)
    found = pixels(tmp_path / name)
    assert found.shape == expected.shape and np.abs(found.astype(float) - expected).max() <= 1
    if name.split(".")[0] not in ("see_through", "see_through_grey"):
        assert np.array_equal(found, expected)


def test_inks_of_a_jpeg_are_not_turned_round(tmp_path: Path) -> None:
    Image.fromarray(RGB).convert("CMYK").save(tmp_path / "inks.jpg", quality=100)
    assert np.abs(pixels(tmp_path / "inks.jpg").astype(int) - RGB).mean() < 3


def test_a_transparent_colour_is_white(tmp_path: Path) -> None:
    picture(GREY, transparency=int(GREY[0, 0]))(tmp_path / "a.png")
    found = pixels(tmp_path / "a.png")
    assert found[0, 0] == 255 and np.array_equal(found[GREY != GREY[0, 0]][:, 0], GREY[GREY != GREY[0, 0]])


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stands_upright(orientation: int, suffix: str, tmp_path: Path) -> None:
    """Catches a photograph that lies on its side because the camera was held so, and one turned twice."""
    corner = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    corner[: HEIGHT // 2, : WIDTH // 2] = 250
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(corner).save(tmp_path / f"a.{suffix}", exif=exif, quality=100)
    sides = (HEIGHT, WIDTH) if orientation < 5 else (WIDTH, HEIGHT)
    read = read_pictures([tmp_path / f"a.{suffix}"], sides, 3)
    light = read.pixels[0, 0] > 128
    where = [bool(light[row, column]) for row in (1, -2) for column in (1, -2)]
    assert (
        where.index(True) == [0, 1, 3, 2, 0, 1, 3, 2][orientation - 1]
        and sum(where) == 1
        and not read.resized
    )


def test_the_first_of_a_cameras_pictures_is_the_picture(tmp_path: Path) -> None:
    first, small = Image.fromarray(RGB), Image.fromarray(255 - RGB[::2, ::2])
    first.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[small], quality=100)
    first.save(tmp_path / "b.jpg", quality=100)
    assert np.array_equal(pixels(tmp_path / "a.jpg"), pixels(tmp_path / "b.jpg"))


def test_another_size_is_cut_round_the_middle_and_resized(tmp_path: Path) -> None:
    """Catches a picture pressed into another shape, and one of which every other pixel is dropped."""
    wide = np.zeros((16, 40), np.uint8)
    wide[:, 12:28] = np.indices((16, 16)).sum(0) % 2 * 255  # a chequered square in the middle
    picture(wide)(tmp_path / "a.png")
    read = read_pictures([tmp_path / "a.png"], (4, 4), None)
    assert read.resized and read.pixels.shape == (1, 1, 4, 4)
    assert np.abs(read.pixels.astype(int) - 127).max() <= 20  # the mean of black and white, everywhere


def test_size_and_channels_are_those_of_all_files_or_the_usual(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for path in paths:
        picture(GREY)(path)
    read = read_pictures(paths, None, None)
    assert read.pixels.shape == (3, 1, HEIGHT, WIDTH) and not read.resized
    assert read_pictures(paths, None, 3).pixels.shape == (3, 3, HEIGHT, WIDTH)
    picture(RGB)(paths[1])
    mixed = read_pictures(paths, None, None).pixels
    assert mixed.shape == (3, 3, HEIGHT, WIDTH) and np.array_equal(mixed[0], np.stack([GREY] * 3))
    assert np.array_equal(
        read_pictures(paths, None, 1).pixels[1, 0], np.asarray(Image.fromarray(RGB).convert("L"))
    )
    picture(GREY[:-1])(paths[2])
    read = read_pictures(paths, None, None)
    assert read.pixels.shape == (3, 3, 32, 32) and read.resized
    picture(np.zeros((65, 10), np.uint8))(paths[0])
    assert read_pictures(paths[:1], None, None).pixels.shape == (1, 1, 32, 32)


def whole(suffix: str) -> bytes:
    import io

    out = io.BytesIO()
    Image.fromarray(RGB).save(out, format=suffix)
    return out.getvalue()


def flipped(content: bytes) -> bytes:
    found = bytearray(content)
    found[len(found) // 2] ^= 1
    return bytes(found)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("half.jpg", whole("JPEG")[:-200]),
        ("half.png", whole("PNG")[:-200]),
        ("half.bmp", whole("BMP")[:-200]),
        ("flipped.png", flipped(whole("PNG"))),
        ("empty.png", b""),
        ("text.jpg", b"<html>not found</html>"),
        ("program.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
        ("drawing.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    ],
)
@pytest.mark.parametrize("tolerant", [False, True])
def test_damaged_files_are_named(
    name: str, content: bytes, tolerant: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches half a picture that is grey below, where a program lets Pillow read such."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", tolerant)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        DataError, match=rf"{name.replace('.', '[.]')} is damaged or no picture that Pillow reads"
    ):
        pixels(tmp_path / name)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is tolerant


@pytest.mark.parametrize(
    ("name", "save", "says"),
    [
        ("moves.gif", picture(RGB, save_all=True, append_images=[Image.fromarray(255 - RGB)]), "holds 2 pictures"),
        ("moves.png", picture(RGB, save_all=True, append_images=[Image.fromarray(255 - RGB)]), "holds 2 pictures"),
        ("pages.tif", picture(RGB, save_all=True, append_images=[Image.fromarray(255 - RGB)]), "holds 2 pictures"),
        ("ints.tif", picture(GREY.astype(np.int32)), "32 bits a pixel"),
        ("floats.tif", picture(GREY.astype(np.float32)), "32 bits a pixel"),
        ("dark.png", picture(GREY.astype(np.uint16) * 16), r"nowhere brighter than 4,080 of 65,535, .* only 16 would"),
        ("ghost.png", picture(np.dstack([np.full_like(RGB, 255), ALPHA])), "of one colour once it is laid on white"),
        ("folder.png", lambda path: path.mkdir(), "is no file"),
        ("pipe.png", lambda path: os.mkfifo(path), "is no file"),
        ("link.png", lambda path: path.symlink_to(path.with_name("gone")), "cannot be read"),
    ],
)  # fmt: skip
def test_what_has_no_pixels_of_8_bits_is_refused(name: str, save: Save, says: str, tmp_path: Path) -> None:
    """Catches the first frame taken for a film, and pictures that come out all black or all white."""
    if name in ("pipe.png", "link.png") and os.name == "nt":
        pytest.skip("POSIX only")
    save(tmp_path / name)
    with pytest.raises(DataError, match=says) as error:
        pixels(tmp_path / name)
    assert name == "dark.png" or name in str(error.value)


def test_dark_colours_of_16_bits_are_refused(tmp_path: Path) -> None:
    """Catches colours of 12 bits in 16, of which Pillow keeps the empty upper half: a black picture."""
    import struct
    import zlib

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    for factor, dark in ((16, True), (256, False)):
        words = (RGB.astype(np.uint16) * factor).astype(">u2")
        lines = b"".join(b"\0" + line.tobytes() for line in words)
        header = struct.pack(">2I5B", WIDTH, HEIGHT, 16, 2, 0, 0, 0)
        parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
        (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts))
        if dark:
            with pytest.raises(DataError, match="nowhere brighter than 4,095 of 65,535"):
                pixels(tmp_path / "a.png")
        else:
            assert np.array_equal(pixels(tmp_path / "a.png"), RGB)


def test_what_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches an error from the system that does not say which picture; an administrator may read all, so it is planted."""
    picture(RGB)(tmp_path / "a.png")

    def denied(path: Path, **how: object) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Image, "open", denied)
    with pytest.raises(DataError, match=r"a\.png cannot be read \(Permission denied\)"):
        pixels(tmp_path / "a.png")
