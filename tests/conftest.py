"""What holds for every test: random cases are judged by their result, not by how busy the machine was."""

from hypothesis import settings

settings.register_profile("house", deadline=None, print_blob=True)
settings.load_profile("house")
