/** An agent of the tests: an Intern that reads, as often as it likes. */
export const readerManifest = (name: string, tools: readonly string[]): string => `name: ${name}
version: 1.0.0
owner: ines.marchetti@example.com
technicalOwner: tomas.novak@example.com
businessOwner: grace.adeyemi@example.com
purpose: Reads while everything around it breaks.
domain: analysis
dataDomains: [orders, finance]
capabilities: [Read orders and things]
tools: [${tools.join(', ')}]
limits:
  - calls: { max: 1000000, perSeconds: 60 }
mayStop: [yuki.mori@example.com]
escalation: grace.adeyemi@example.com
sla: { availabilityPercent: 99, responseMs: 10000 }
serviceHours: always
model: { provider: Example Models, name: reader, version: "1" }
maySpawn: false
assurance: claimed
`;
