BeforeDiscovery {
    # The table of the help topic itself: it is what scripts are written by.
    $topic = Get-Content "$PSScriptRoot/../../docs/help/en-US/about_MomentTools_Errors.help.txt"
    $kinds = $topic | Select-String '^        (?<kind>[A-Z]\w+) +(?<category>[A-Z]\w+)$' | ForEach-Object { @{ Kind = $_.Matches[0].Groups['kind'].Value; Category = $_.Matches[0].Groups['category'].Value } }
    $zstd = (ldconfig -p 2>$null | Select-String '=> (\S*libzstd\.so\.1)' | Select-Object -First 1).Matches.Groups[1].Value
    $hides = [bool] $zstd
    if ($hides) {
        unshare -rm mount --bind /dev/null (readlink -f $zstd) 2>&1 | Out-Null
        $hides = $LASTEXITCODE -eq 0
    }
}

BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
    $records = [MomentTools.Cmdlets.MomentCmdlet].Assembly.GetType('MomentTools.Cmdlets.Pipeline.ErrorRecords').GetMethod('ToErrorRecord')

    function New-Record($Id, [string] $Message = 'It failed.', [string] $Target = 'web1', $Advice = 'Do it again.') {
        $records.Invoke($null, @([MomentTools.Errors.MomentException]::new($Id, $Message, $Target, $Advice, $null), $null))
    }
}

AfterAll { Remove-Place $place }

Describe 'Errors' {
    It 'has a category for every kind' -ForEach @(@{ Listed = $kinds.Kind }) {
        $Listed | Should -Be ([enum]::GetNames([MomentTools.Errors.ErrorKind]))
    }

    It 'makes <Kind> the category <Category>, with target, advice and exception' -ForEach $kinds {
        $record = New-Record ([MomentTools.Errors.ErrorId]::new('SomeCause', $Kind))
        $record.FullyQualifiedErrorId | Should -BeExactly SomeCause
        $record.CategoryInfo.Category | Should -Be $Category
        $record.TargetObject | Should -BeExactly web1
        $record.Exception.Kind | Should -Be $Kind
        $record.Exception.Message | Should -BeExactly 'It failed.'
        $record.ErrorDetails.Message | Should -BeExactly 'It failed. [SomeCause]'
        $record.ErrorDetails.RecommendedAction | Should -BeExactly 'Do it again.'
    }

    It 'shows the id where there is no advice, too' {
        $record = New-Record ([MomentTools.Errors.ErrorId]::new('SomeCause', 'Timeout')) -Advice ([NullString]::Value)
        "$record" | Should -BeExactly 'It failed. [SomeCause]'
        $record.ErrorDetails.RecommendedAction | Should -BeNullOrEmpty
    }

    It 'tell of no command and no parameter that is not there' {
        $wrong = foreach ($file in Get-ChildItem (Join-Path (Get-RepositoryRoot) src) -Filter *.cs -Recurse) {
            foreach ($call in [regex]::Matches((Get-Content $file.FullName -Raw), '\b(?<name>[A-Z][a-z]+-VM[A-Z]\w+)(?<rest>(?: ''[^''"\n]*''| \{[^}"\n]*\}| [A-Z]{2,}| -[A-Z]\w+)*)')) {
                $command = Get-Command $call.Groups['name'].Value -Module MomentTools -ErrorAction Ignore
                if (-not $command) { "$($file.Name): $($call.Groups['name'].Value)" }
                else {
                    [regex]::Matches($call.Groups['rest'].Value, ' -([A-Z]\w+)').ForEach{ $_.Groups[1].Value } |
                        Where-Object { -not $command.Parameters.ContainsKey($_) -and $_ -notin $command.Parameters.Values.Aliases } | ForEach-Object { "$($file.Name): $($command.Name) -$_" }
                }
            }
        }
        $wrong | Should -BeNullOrEmpty
    }

    It 'gives a script all of it' {
        Get-VMDomain nosuch -ErrorVariable failures -ErrorAction SilentlyContinue
        $failures | Should -HaveCount 1
        $failures[0].FullyQualifiedErrorId | Should -BeExactly 'VMNotFound,MomentTools.Cmdlets.GetVMDomainCommand'
        $failures[0].CategoryInfo.ToString() | Should -BeExactly 'ObjectNotFound: (nosuch:String) [Get-VMDomain], MomentException'
        $failures[0].TargetObject | Should -BeExactly nosuch
        $failures[0].Exception | Should -BeOfType ([MomentTools.Errors.MomentException])
        $failures[0].Exception.ErrorId.Name | Should -BeExactly VMNotFound
        $failures[0].ErrorDetails.RecommendedAction | Should -BeExactly $failures[0].Exception.Advice
    }

    It 'prints message, id and advice at a prompt' {
        $said = pwsh -NoProfile -NonInteractive -Command "`$PSStyle.OutputRendering = 'PlainText'; Import-Module '$(Get-ManifestPath)'; Get-VMDomain nosuch" 2>&1 | ForEach-Object { "$_".TrimEnd() }
        $said = ($said | Where-Object { $_ }) -join "`n"
        $said | Should -Match "There is no domain 'nosuch'\..*\[VMNotFound\]\n  Recommendation: .*Register-VMDomain"
        $said | Should -Not -Match 'MomentException|   at '
    }

    It 'has the whole id in <View>' -ForEach @(
        @{ View = 'NormalView'; Says = '\+ FullyQualifiedErrorId : VMNotFound,MomentTools\.Cmdlets\.GetVMDomainCommand' }
        @{ View = 'CategoryView'; Says = '^ObjectNotFound: \(nosuch:String\) \[Get-VMDomain\], MomentException' }
    ) {
        Get-VMDomain nosuch -ErrorVariable failures -ErrorAction SilentlyContinue
        $before = $global:ErrorView
        $global:ErrorView = $View
        try { (Get-View $failures[0] -Width 200) -join "`n" | Should -Match $Says }
        finally { $global:ErrorView = $before }
    }

    It 'is looked up in the help as the help says' {
        $topic = Get-Help about_MomentTools_Errors | Out-String
        $line = ($topic -split '\r?\n' -match '^ +\(Get-Help about_MomentTools_Errors\)')[0].Trim()
        $shown = & ([scriptblock]::Create($line))
        $shown | Should -HaveCount 1
        $shown | Should -BeLike '  LockBusy (Busy)*What to do:*'
    }

    It 'says why the file of a definition is not read' {
        New-Item -ItemType Directory $place/folder | Out-Null
        $failure = { Register-VMDomain $place/folder -ErrorAction Stop } | Should -Throw -ErrorId 'PathUnreadable,*' -PassThru
        "$failure" | Should -Match 'it is a directory'
        $file = [IO.File]::Create("$place/large.xml")
        $file.SetLength(5MB)
        $file.Dispose()
        $failure = { Register-VMDomain $place/large.xml -ErrorAction Stop } | Should -Throw -ErrorId 'PathUnreadable,*' -PassThru
        "$failure" | Should -Match 'larger than 4 MiB'
        $failure.TargetObject | Should -BeExactly "$place/large.xml"
        { Register-VMDomain /proc/self/mem -ErrorAction Stop } | Should -Throw -ErrorId 'PathUnreadable,*'
    }
}

Describe 'A library of the system that is missing' -Skip:(-not $hides -or -not (Get-Command qemu-io, qemu-storage-daemon -ErrorAction Ignore)) {
    It 'is named, and what needs it not' {
        $lib = readlink -f (ldconfig -p | Select-String '=> (\S*libzstd\.so\.1)' | Select-Object -First 1).Matches.Groups[1].Value
        qemu-img create -q -f qcow2 -o compression_type=zstd $place/packed.qcow2 64M
        Register-VMDomain -Xml (Get-DomainXml packed $place/packed.qcow2) | Out-Null
        New-VMCheckpoint packed before | Out-Null
        Write-Disk $place/packed.qcow2 'write -c -P 7 0 64k'
        New-VMSnapshot packed clean -DiskOnly | Out-Null
        @"
            Import-Module '$(Get-ManifestPath)'
            `$block = Get-VMChangedBlock packed -From before -To clean -Read
            try { `$block.OpenRead().ReadByte() } catch { `$_.Exception.InnerException.ErrorId.Name; `$_.Exception.InnerException.Message }
"@ | Set-Content $place/read.ps1
        pwsh -NoProfile -File $place/read.ps1 | Should -Be 7
        $said = unshare -rm bash -c 'mount --bind /dev/null "$0" && exec pwsh -NoProfile -File "$1"' $lib $place/read.ps1
        $said[0] | Should -BeExactly 'Qcow2ZstdMissing'
        $said[1] | Should -BeLike "'$place/packed.qcow2' is compressed with zstd*"
    }
}
