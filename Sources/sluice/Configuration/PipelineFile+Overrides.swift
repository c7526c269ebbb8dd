extension PipelineFile {
    /// Values that commands may put in the place of the file's.
    struct Overrides {
        var environment: [String: String]
        var listen: String?
        var data: String?
        /// True when variables and parameters must have values; explaining an event needs none.
        var needsSecrets = true
        /// The built-in stand-in for a service, when one takes its place.
        var standIn: StandIn?
    }

    /// A server of ours that takes the place of the service that a blueprint speaks to.
    struct StandIn {
        /// The name of the blueprint whose destinations are sent there.
        var blueprint: String
        /// The value of the blueprint's parameter `base_url`.
        var url: String
    }
}
