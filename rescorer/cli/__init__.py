"""The commands `rescore` and `lightrnn`, one module a command. Other packages do the work."""
