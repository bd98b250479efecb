import Primitives

/// Who is at an end of a link; the first message each way. Credentials are the kernel's word, this is not.
package struct Hello: Equatable, Sendable {
    package enum Role: UInt8, Sendable {
        case agent = 1
        case proxy = 2
        case supervisor = 3
        case control = 4
    }

    package var role: Role
    package var pid: UInt32
    /// The version of the program, such as `0.1.0`.
    package var build: String

    /// The version that this source tree builds.
    package static let currentBuild = "0.1.0"

    package init(role: Role, pid: UInt32, build: String) {
        self.role = role
        self.pid = pid
        self.build = build
    }

    func encode(into writer: inout ByteWriter) {
        writer.byte(role.rawValue)
        writer.littleEndian(pid)
        writer.text(build, limit: 64)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        role = try reader.choice("role")
        pid = try reader.littleEndian()
        build = try reader.text()
    }
}
