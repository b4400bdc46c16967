"""What makes the figures of the documentation: experiments on whole networks. No part of the wheel."""
