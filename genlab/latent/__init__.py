"""What can be done with codes of any model that decodes: grids, walks, class means and directions."""

from genlab.latent.walks import class_means, linear_walk, manifold_grid, spherical_walk

__all__ = ["class_means", "linear_walk", "manifold_grid", "spherical_walk"]
