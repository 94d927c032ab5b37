"""The words of kmemfuzz that are Python, and what they and the commands in ci/ share."""
