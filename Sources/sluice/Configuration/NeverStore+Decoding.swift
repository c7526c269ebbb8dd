import Accept
import Events
import Map
import Webhooks

extension NeverStore {
    /// Reads a `never_store` object of a source.
    ///
    /// - Parameter blueprint: of a webhook source; a path must not take what its ids are read from.
    static func read(
        _ value: ConfigurationValue?, blueprint: SourceBlueprint? = nil
    ) -> NeverStore {
        guard let value else { return blueprint == nil ? .standard : .standardWebhook }
        value.refuseUnknownKeys(["paths", "query", "mask", "defaults"], in: "\"never_store\"")
        let vocabulary: NeverStorePath.Vocabulary = blueprint == nil ? .event : .webhook
        let paths = (value["paths"]?.elements("\"paths\"") ?? []).compactMap {
            path($0, in: vocabulary, needed: blueprint?.neededPaths ?? [])
        }
        return NeverStore(
            paths: paths, vocabulary: vocabulary,
            query: (value["query"]?.elements("\"query\"") ?? []).compactMap(parameter),
            masks: value["mask"]?.bool("\"mask\"") ?? false,
            hasDefaults: value["defaults"]?.bool("\"defaults\"") ?? true)
    }

    private static func path(
        _ value: ConfigurationValue, in vocabulary: NeverStorePath.Vocabulary,
        needed: [(target: String, path: EventPath)]
    ) -> NeverStorePath? {
        guard let text = value.string("A path") else { return nil }
        do throws(NeverStorePath.Fault) {
            let path = try NeverStorePath(text, in: vocabulary)
            let taken = needed.first {
                path.covers($0.path.text.split(separator: ".").map(String.init))
            }
            if let taken {
                value.report(
                    "The blueprint reads \"\(taken.target)\" from \(taken.path.text), which has to be stored.",
                    fix: "Name another path, or ask the service to leave it out.")
            }
            return path
        } catch {
            value.report(error.message, fix: error.fix)
            return nil
        }
    }

    private static func parameter(_ value: ConfigurationValue) -> String? {
        guard let name = value.string("A parameter's name") else { return nil }
        let isName = name.allSatisfy {
            $0.isASCII && ($0.isLetter || $0.isNumber || "_-".contains($0))
        }
        if isName, name.contains(where: { $0.isLetter || $0.isNumber }) { return name }
        value.report(
            "\"\(name)\" is no name of a parameter.", fix: "Use letters, digits, '_' and '-'.")
        return nil
    }
}

extension SourceBlueprint {
    /// The places in a webhook that say what it is and whom it is about.
    fileprivate var neededPaths: [(target: String, path: EventPath)] {
        let targets = [
            "type", "event", "user_id", "anonymous_id", "previous_id", "group_id", "message_id",
        ]
        let mappings = plans.values.flatMap(\.mappings) + otherPlan.mappings
        return eventType.paths.map { ("event", $0) }
            + mappings.filter { targets.contains($0.target) }
            .flatMap { mapping in mapping.rule.paths.map { (mapping.target, $0) } }
    }
}
