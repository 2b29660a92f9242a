"""What happened: ids, events, their schemas and the codec. No I/O; imports nothing of ours."""
