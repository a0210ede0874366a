// What embedders need of the layers below, so that `import CoreAPIKit` is enough.

@_exported public import CoreAPIBase
@_exported public import CoreAPIRedis
