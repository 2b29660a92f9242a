"""What a system of a given size needs: from measured costs of one operation to cores, memory, disks and money."""
