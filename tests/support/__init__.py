"""What tests of several rooms build with."""
