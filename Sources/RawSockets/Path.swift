import CLinux
import Glibc
import Primitives

extension tandem_path {
    /// `source` nil: the kernel's choice.
    init(to destination: IPAddress, from source: IPAddress?, interface: Int32) {
        self.init()
        family = destination.family == .v4 ? AF_INET : AF_INET6
        self.interface = interface
        hop_limit = -1
        unsafe withUnsafeMutableBytes(of: &self.destination) { raw in
            unsafe raw.copyBytes(from: destination.octets)
        }
        if let source {
            unsafe withUnsafeMutableBytes(of: &self.source) { raw in
                unsafe raw.copyBytes(from: source.octets)
            }
        }
    }

    var sourceAddress: IPAddress? {
        unsafe withUnsafeBytes(of: source) { raw in unsafe address(Array(raw)) }
    }

    var destinationAddress: IPAddress? {
        unsafe withUnsafeBytes(of: destination) { raw in unsafe address(Array(raw)) }
    }

    private func address(_ octets: [UInt8]) -> IPAddress? {
        switch family {
        case AF_INET: IPAddress(octets: octets.prefix(4))
        case AF_INET6: IPAddress(octets: octets)
        default: nil
        }
    }
}
