"""The commands `rescore` and `lightrnn`, one module a command. What they do is in other packages."""
