"""A person's own pictures: a folder, an .npz or IDX files, and the cache of what was read."""
