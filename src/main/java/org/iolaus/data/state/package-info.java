/// Arrays by name that other programs saved: PyTorch's state dicts, safetensors, HDF5 files.
@NullMarked
package org.iolaus.data.state;

import org.jspecify.annotations.NullMarked;
