"""genlab: VAE, GAN and diffusion, small enough to read and real enough to run.

The layout of the package is the table of contents of the series: ``genlab.data`` is notebook 00,
``genlab.vae`` 01, ``genlab.gan`` 02, ``genlab.diffusion`` 03, ``genlab.evaluation`` 04 and
``genlab.widgets`` 05.
"""

__version__ = "0.1.0"
