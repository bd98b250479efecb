// HealthChecks
