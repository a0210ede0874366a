/// Private keys of tests and benchmarks alone, made by `openssl genpkey`.
package enum TestKeys {
    package static let p256 = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgslRiHTUKclvX0TKe
        DxG9kwl808xzoOuAPr2cWRiUDrChRANCAATuTFn2Ivp9LEEx2Dm9CwcScbRq9DP4
        /PI+xCp1w22AMA9RDdwMzyGhplG/FmrcF5G31MO7mY4etNWyp1fOIIx1
        -----END PRIVATE KEY-----
        """

    package static let other256 = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgzvbzsQ5MXMxKT/7J
        PPEblP+RkzyzKJbl8zBLiKON/OChRANCAARr6cSRZWL7PN3owUuVUDzAj/oCSyF7
        0C0JZHIv/qM5vkxEKCBIwvVsnMv79GQf2HOsyclpLoS/91EGaSW/of29
        -----END PRIVATE KEY-----
        """

    package static let p384 = """
        -----BEGIN PRIVATE KEY-----
        MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDDmiZohtcuPbr66qCKC
        ekPDeuJJ08iJThXrxHG5fru3L7xQ9kYi/f+A3j1IFZAPhAChZANiAARaVgkxwAuL
        F9Yle9ZHzxHdWIoVXB99otZ0DWS3gbcQaeoprtjXlY9DY+8IanMhdqF5W7Ft53No
        loR5L1GqrRQTAmjCz2Mvjl0dbVZ+a63yZd2E6joK34i5fcHW6xcbutU=
        -----END PRIVATE KEY-----
        """

    package static let p521 = """
        -----BEGIN PRIVATE KEY-----
        MIHuAgEAMBAGByqGSM49AgEGBSuBBAAjBIHWMIHTAgEBBEIBlLmxzur8C3Jw1Tve
        +i6SKRlwWl9aBrkE99bkgDGW9bx3GfKStZCAS86Ib384HTE2uS8hXTonEcxxrn7U
        3iFzmByhgYkDgYYABAAhqubp9NlDIyA9/ouZzEpbdGku3kPJoQRkWsxvI9B7AQ6l
        Zl7PZ7AauEqsIJQxW/tjYTLrQRENzHUCW3ykH/Wu+gA5MsnSQBhjPBTdoMi0PYmc
        x87pnjcXOPEseiFCb6CB7jP2PUpUix8w/dVTY5y371CJjBWdDX3HV4wrSdAFccar
        qA==
        -----END PRIVATE KEY-----
        """

    package static let ed25519 = """
        -----BEGIN PRIVATE KEY-----
        MC4CAQAwBQYDK2VwBCIEIE/GlvFc4i4DvnDXcpPEFcIYkIp9ZPmlaPUrJsBVldny
        -----END PRIVATE KEY-----
        """

    /// As `openssl ecparam -genkey` writes it: two blocks.
    package static let sec1 = """
        -----BEGIN EC PARAMETERS-----
        BggqhkjOPQMBBw==
        -----END EC PARAMETERS-----
        -----BEGIN EC PRIVATE KEY-----
        MHcCAQEEINqjtdvYz7mSmDp66dftyaN/5Z5g63N4QMnczvCH3JJdoAoGCCqGSM49
        AwEHoUQDQgAEHQFz8QE7ZQfm5KCAYVlvoJKhgHx/Io2e0wW9bHvYnSqLFaldzSP4
        c5CSTRr6fB+psWS4CkyFdVWzVj1XGryJaw==
        -----END EC PRIVATE KEY-----
        """

    /// Of the key of `sec1`.
    package static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBbjCCARWgAwIBAgIUFKxIdHMjUQXs9WOd50lw6qw1vWcwCgYIKoZIzj0EAwIw
        DDEKMAgGA1UEAwwBYTAgFw0yNjExMzAxNDA5MDRaGA8yMTI2MTEwNjE0MDkwNFow
        DDEKMAgGA1UEAwwBYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABB0Bc/EBO2UH
        5uSggGFZb6CSoYB8fyKNntMFvWx72J0qixWpXc0j+HOQkk0a+nwfqbFkuApMhXVV
        s1Y9Vxq8iWujUzBRMB0GA1UdDgQWBBTm1p5OovLmJzP5aQPyC5V6Q1EUJTAfBgNV
        HSMEGDAWgBTm1p5OovLmJzP5aQPyC5V6Q1EUJTAPBgNVHRMBAf8EBTADAQH/MAoG
        CCqGSM49BAMCA0cAMEQCIFVgo7zzHyoSC1a1/GjsG3um8Hyscnl4L1i/17ZfIjqk
        AiAaNrujWdInnAhLTVQUGPR7mI30v/aKv6i8BUoJftfr3Q==
        -----END CERTIFICATE-----
        """

    package static let rsa = """
        -----BEGIN PRIVATE KEY-----
        MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQCDJ4+40gHYvo48
        2GF3GY2tGBWYVqZp+EjdDQTPcVR3RKeP6TdSypaFyAq6TvxcvCCo964rKtYDq808
        YQ7aDhs6r7BKPeSXfFxxDhpYqqILMtzbII8LeQfG2VxX+hssgMa8pr2xgJzcIZ35
        pIdHd/c5+IzkVhfE+4jpbrQs/w4qj2UAIlspuD7wtRsoE/gJYOAExhQ4LIVyGePo
        ytfgW5G8dDu0VbaVOyG3G70KMda2Q2Tf/OJNBBpJcM0rdzRRJM5SU2QCvwCZ4yO+
        oZu0TaPF/AaZzgc6uMEYnyhBNkcs+fKN3yBdHWqBvYMQnTaiUnYa4Gb0XEt3FtEO
        z3LjA2r5AgMBAAECggEAIFAWakgfWVm1bIs5FCFRFQTaiTJMBM69kOycs0kuMMZS
        7DNexICSLjq3XeiI54YYG9kN6ae/m57vzUDyaknQbpiLe/ccwy/KDLaXSiIcE1tA
        K6Kta3uxrU2vISPHHyNJE4CXOsy/mMKVi8R76eFGIVu5xqXpbEg2lqCGNpHOWTCp
        vOd7Vo6M+ZOjtXn1HUgXP8Atti0J9Qlrq4CkJ5cmt4/diQmmhFON4Fqtm7ilLnpq
        h1BlaC54Ij/rxcTEEg2vYbZqGUEHO5IwFKqUEEQgYHLklHCE/ovz/nikRtW0LO0L
        Q7M2bqvs2gS3tBGiaTBWY82ar0HNYgqb6cz5j73i6QKBgQC3R6DeLLA+ZhCIkZ2G
        IdQmSBpGXdfNoeGhAWrkGh7NGsC5oVH4TqPdd5+wgY11OLJsHjQaIR9kwulJogXS
        KZxjmdGIyejZpxf6ttjJpC6Wns3r6bXETNx+R1qXpr1aZVe8dj3Y57qSUSW1iLTZ
        rABC1Tr8gGb4LyH44TmVW3KfJQKBgQC3MWMxmRujSAz+9CNnYYqbwg4SrEzmRE2G
        /lwAfHvZfkOsrYBKPhdxFj7LXzuzaxoPdRqGomDlHDzaYvp9mBUO5CSZ6c5eHRyE
        VS9p3A0P0snajMC2Tb5JbBSFUrSufff3kJ5aEOaEuxuLh9bBtOJf+v5owDJK97sq
        UMDRefiORQKBgB5IC2Ap6gSlQF4QEQK0XCTnDNBLePhUor7DSTHezu/8V5NUAAMS
        myhgN1YmUYTolTIf22PlzRYMzhaIWoXasigSpff/xCUR4nhd9Xt7UOc53bP4rTt9
        p4CFsYYU2nww+kn9D0LjJoQ+PAi+SYMdU/221UQawuiGgQppy+XNciaxAoGALOfl
        WeYfOUJTNTghaZkmghHqozcrTpLVsk6tvMzHC0SBUFXjic94rZb3Y6D/oHaTl9Br
        5S7us5rda+cxYhIir1jLhBMlLDrUn7fF/Jwdc5CHPJSeNNIP4C2nRhtFATUN0NjZ
        iFh2OXkoQmbVBPzTNRXwwTrD2U6qya+r5G2SuUUCgYApD+Z2IBdwRXT6qhhbOKYw
        DZGo238g4UskyXUbeXOmXuykn4BmG+wx1qccfH4WKPqnFAdTG+kxlHoucNqABTnW
        g0eLKUyNY1EsRaWk3PeDz7X+uQ3wio80Patd+dMxIX5HKVYkFWU0PEJYtKz60RDF
        8ySdWFncisMJVIc9Jq9OQA==
        -----END PRIVATE KEY-----
        """
}
