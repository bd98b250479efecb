/// `tcp-request … ACTION [if …]`, in the order of the file: the first that accepts or rejects decides.
package struct RuleList: Equatable, Sendable {
    package enum Action: Equatable, Sendable {
        case accept
        case reject
        /// `track-sc0` to `track-sc2`.
        case track(TableKeySource, table: Int, place: Int)
    }

    package struct Rule: Equatable, Sendable {
        package var action: Action
        /// Nil: always.
        package var condition: Condition?

        package init(_ action: Action, if condition: Condition? = nil) {
            self.action = action
            self.condition = condition
        }
    }

    package enum Decision: Sendable {
        /// By a rule, or because none objected.
        case accepted
        case rejected
        /// More bytes of the client may decide.
        case waits
    }

    package var rules: [Rule]

    package init(_ rules: [Rule] = []) { self.rules = rules }

    package var isEmpty: Bool { rules.isEmpty }

    package var needsRequest: Bool {
        rules.contains { $0.condition?.needsRequest ?? false }
    }

    package func decide<Facts: ConnectionFacts>(
        _ facts: inout Facts,
        request: Span<UInt8>,
        isFinal: Bool
    ) -> Decision {
        for rule in rules {
            let truth =
                rule.condition?.test(&facts, request: request, isFinal: isFinal) ?? .yes
            switch (truth, rule.action) {
            case (.unknown, _): return .waits
            case (.no, _): continue
            case (.yes, .accept): return .accepted
            case (.yes, .reject): return .rejected
            case (.yes, .track(let key, let table, let place)):
                facts.track(key, in: table, at: place)
            }
        }
        return .accepted
    }
}
