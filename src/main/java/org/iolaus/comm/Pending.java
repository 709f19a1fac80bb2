package org.iolaus.comm;

/// A sum over ranks that is under way.
public interface Pending {

    /// Whether [#await] would return at once. Asking also advances the messages, so a rank that computes
    /// meanwhile should ask now and then.
    boolean done();

    /// Waits for the sums and writes them to the place of the summands. Call it once, from the thread that
    /// started it.
    void await();
}
