"""Recommenders for any RecBole script: classes that take RecBole's configuration and data set."""
