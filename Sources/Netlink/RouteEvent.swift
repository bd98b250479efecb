import CLinux
package import Primitives

/// A change of the kernel's tables.
package enum RouteEvent: Equatable, Sendable {
    case interfaceChanged(NetworkInterface)
    case interfaceRemoved(NetworkInterface)
    case addressPut(InterfaceAddress)
    case addressRemoved(InterfaceAddress)

    /// Nil for messages about something else.
    package init?(_ message: NetlinkMessage) throws(DecodeError) {
        switch Int(message.type) {
        case Int(RTM_NEWLINK):
            guard let interface = try NetworkInterface(body: message.body) else { return nil }
            self = .interfaceChanged(interface)
        case Int(RTM_DELLINK):
            guard let interface = try NetworkInterface(body: message.body) else { return nil }
            self = .interfaceRemoved(interface)
        case Int(RTM_NEWADDR):
            guard let address = try InterfaceAddress(body: message.body) else { return nil }
            self = .addressPut(address)
        case Int(RTM_DELADDR):
            guard let address = try InterfaceAddress(body: message.body) else { return nil }
            self = .addressRemoved(address)
        default: return nil
        }
    }
}
