"""Cut-outs of the subject of a photo: networks, predictor, and the contract of pictures, masks and datasets."""
