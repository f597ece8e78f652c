"""The mathematics of group mixes: numpy only, knows neither RecBole nor torch."""
