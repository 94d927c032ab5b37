"""The Python words of kmemfuzz, and what they share with the commands in ci/."""
