"""What comes from outside: files, text of YAML and JSON, paths and names, bounded and harmless."""
