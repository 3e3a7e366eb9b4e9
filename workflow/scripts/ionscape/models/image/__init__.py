"""Family ``image``: a timm backbone on mass × time images.

In: images after METHOD step 5. Out: logits averaged over widths; evidence by integrated gradients and Grad-CAM++.
To add a head: :mod:`.network`. Which backbones fit, and whose weights they take: :mod:`.catalog`, :mod:`.pretrained`.
"""
