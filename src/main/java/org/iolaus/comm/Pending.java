package org.iolaus.comm;

/// A sum over ranks that is under way.
public interface Pending {

    /// Whether [#await] would return at once. Asking also moves the messages along, so a rank that computes meanwhile
    /// should ask now and then.
    boolean done();

    /// Waits for the sum and writes it where the summands were. Called once, by the thread that started it.
    void await();
}
