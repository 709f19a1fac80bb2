package org.iolaus.train.inputs;

import org.iolaus.data.Batch;

/// A batch in the form in which an engine takes it. It may be made on any thread, ahead of the step that needs it.
///
/// @param padded sizes of `inputs`, padding included
/// @param exact sizes without padding
public record ReadyBatch(Batch batch, PaddedSize padded, PaddedSize exact, BatchInputs.Bound inputs) {}
