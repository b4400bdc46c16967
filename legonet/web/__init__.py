"""What the studio and the server for applications share: who may ask, how much, and how faults are answered."""
