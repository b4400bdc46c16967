"""What the studio and the server for applications share: who may ask, how much, how faults are answered."""
