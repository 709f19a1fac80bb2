/// SO(3) embeddings in programs: the frames of edges, and rotations into them and back.
///
/// ```
/// CoefficientMapping mapping = CoefficientMapping.of(6, 2);
/// Rotation rotation = new Rotation(mapping, Rotation.Order.M_MAJOR);
/// EdgeFrame frame = EdgeFrame.smooth(geometry.vector(), mapping);   // or rolled(...), given(...)
/// Node y = rotation.toEdge(frame.wigner(), x);                       // (E, K, C) -> (E, R, C)
/// Node h = frame.activate(rotation, y, activation);                  // S2 activations only
/// Node back = rotation.toGlobal(frame.wigner(), h);                  // (E, R, C) -> (E, K, C)
/// ```
@NullMarked
package org.iolaus.nn.so3;

import org.jspecify.annotations.NullMarked;
