package import Logging
package import Primitives

/// What a log line is about, besides its text: in the journal a field each (systemd.journal-fields(7)), on a
/// console only the incident, as the text says the rest.
package struct LogFields: Equatable, Sendable {
    /// `MESSAGE_ID=`
    package var id: MessageID?
    /// `TANDEM_INCIDENT=`: the number that `tandemctl why` shows.
    package var incident: IncidentID
    /// `TANDEM_INSTANCE=`: the name of a `vrrp_instance`.
    package var instance: String?
    /// `TANDEM_STATE=`: the state just entered, in keepalived's words or in supervisord's.
    package var state: String?
    /// `TANDEM_PROCESS=`: the process that a line of another process is about.
    package var process: String?
    /// `TANDEM_SERVER=`: `backend/server`, or a backend that has none.
    package var server: String?

    package init(
        _ id: MessageID? = nil,
        incident: IncidentID = .none,
        instance: String? = nil,
        state: String? = nil,
        process: String? = nil,
        server: String? = nil
    ) {
        self.id = id
        self.incident = incident
        self.instance = instance
        self.state = state
        self.process = process
        self.server = server
    }

    /// The keys of a logger's metadata that carry the fields, with the journal's names for them.
    enum Key: String, CaseIterable {
        case messageID = "message_id"
        case incident
        case instance
        case state
        case process
        case server

        var field: String {
            switch self {
            case .messageID: "MESSAGE_ID"
            case .incident: "TANDEM_INCIDENT"
            case .instance: "TANDEM_INSTANCE"
            case .state: "TANDEM_STATE"
            case .process: "TANDEM_PROCESS"
            case .server: "TANDEM_SERVER"
            }
        }
    }

    var metadata: Logger.Metadata {
        var metadata: Logger.Metadata = [:]
        func put(_ key: Key, _ value: String?) {
            guard let value else { return }
            metadata[key.rawValue] = .string(value)
        }
        put(.messageID, id?.rawValue)
        put(.incident, incident == .none ? nil : incident.description)
        put(.instance, instance)
        put(.state, state)
        put(.process, process)
        put(.server, server)
        return metadata
    }
}

extension Logger {
    /// A line with fields. The site of the call is what floods are counted by.
    package func line(
        _ level: Logger.Level,
        _ text: String,
        _ fields: LogFields,
        file: String = #fileID,
        function: String = #function,
        line: UInt = #line
    ) {
        log(
            level: level,
            "\(text)",
            metadata: fields.metadata,
            file: file,
            function: function,
            line: line
        )
    }
}
