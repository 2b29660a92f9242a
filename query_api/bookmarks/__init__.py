"""The tweets that the viewer keeps."""
