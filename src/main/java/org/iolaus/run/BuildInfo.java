package org.iolaus.run;

/// Which build of this program runs: for logs, checkpoints and measurements.
public final class BuildInfo {
    private BuildInfo() {}

    /// The version that Maven wrote into the jar.
    public static String version() {
        String version = BuildInfo.class.getPackage().getImplementationVersion();
        return version == null ? "development" : version;
    }

    /// The commit that the program was built from, as the launcher says.
    public static String commit() {
        return System.getProperty("iolaus.commit", "unknown");
    }
}
