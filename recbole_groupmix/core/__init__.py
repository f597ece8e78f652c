"""The mathematics of group mixes, with numpy and scipy; independent of RecBole and torch."""
