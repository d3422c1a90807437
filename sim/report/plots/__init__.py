"""The pictures: one module each, tables in, a Figure out, and a caption that says what to notice in these very data."""
