"""Large bytes: pictures, films and archived segments, kept by key outside of log and stores."""
