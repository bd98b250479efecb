package import Primitives

/// The two nodes of the pair, named as the founding document names them.
package enum HostName: Int, CaseIterable, Sendable, CustomStringConvertible {
    case machine1
    case machine2

    package var other: HostName {
        switch self {
        case .machine1: .machine2
        case .machine2: .machine1
        }
    }

    /// The primary address of the node's interface.
    package var address: IPAddress {
        switch self {
        case .machine1: IPAddress(192, 168, 0, 11)
        case .machine2: IPAddress(192, 168, 0, 12)
        }
    }

    package var description: String {
        switch self {
        case .machine1: "machine1"
        case .machine2: "machine2"
        }
    }
}
