using MomentTools.Cmdlets;
using MomentTools.Cmdlets.Jobs;
using MomentTools.Errors;

namespace MomentTools.Tests.Cmdlets.Jobs;

public sealed class JobAgreementTests
{
    private readonly JobAgreement _agreement = new(new MomentEngine());

    [Fact]
    public void WhatWasAgreedToIsDoneAndWhatWasDeclinedIsNot()
    {
        _agreement.Answered("web1", "Back up", agreed: true);
        _agreement.Answered("web2", "Back up", agreed: false);
        Assert.True(_agreement.HasAgreed);
        Assert.True(_agreement.Allows("web1", "Back up"));
        Assert.False(_agreement.Allows("web2", "Back up"));
    }

    [Fact]
    public void WhatNobodyWasAskedAboutIsAnError()
    {
        _agreement.Answered("web1: snapshot 'a'", "Remove", agreed: true);
        MomentException refused = Assert.Throws<MomentException>(() => _agreement.Allows("web1: snapshot 'a', snapshot 'b'", "Remove"));
        Assert.Equal(CmdletErrors.JobPlanChanged, refused.ErrorId);
        Assert.Contains("'b'", refused.Message, StringComparison.Ordinal);
        Assert.NotNull(refused.Advice);
    }

    [Fact]
    public void OtherNumbersInTheWordsOfOneQuestionAreTheSameQuestion()
    {
        _agreement.Answered("web1", "Go back (written since: 4 MiB)", agreed: true);
        Assert.True(_agreement.Allows("web1", "Go back (written since: 5 MiB)"));
    }

    [Fact]
    public void OtherWordsAreAnotherQuestion()
    {
        _agreement.Answered("web1", "Shut down (about 4 MiB; ends 'a')", agreed: true);
        Assert.True(_agreement.Allows("web1", "Shut down (about 1.25 GiB; ends 'a')"));
        Assert.Throws<MomentException>(() => _agreement.Allows("web1", "Shut down (about 4 MiB; ends 'a' and 'b')"));
    }

    [Fact]
    public void LessOfWhatWasAgreedToIsAgreedToAndMoreIsNot()
    {
        _agreement.Answered("web1", "Go back; with it go 'a', 'b'", agreed: true, ["a", "b"]);
        Assert.True(_agreement.Allows("web1", "Go back; with it goes 'b'", ["b"]));
        Assert.True(_agreement.Allows("web1", "Go back", []));
        Assert.Throws<MomentException>(() => _agreement.Allows("web1", "Go back; with it go 'b', 'c'", ["b", "c"]));
        Assert.Throws<MomentException>(() => _agreement.Allows("web2", "Go back", []));
    }

    [Fact]
    public void OfTwoQuestionsAboutOneThingEachHasItsOwnAnswer()
    {
        _agreement.Answered("web1", "Go back to 'a'", agreed: false);
        _agreement.Answered("web1", "Go back to 'b'", agreed: true);
        Assert.False(_agreement.Allows("web1", "Go back to 'a'"));
        Assert.True(_agreement.Allows("web1", "Go back to 'b'"));
        Assert.Throws<MomentException>(() => _agreement.Allows("web1", "Go back to 'c'"));
    }

    [Fact]
    public void ANoCountsWhereTheSameQuestionWasPutTwice()
    {
        _agreement.Answered("web1", "Back up", agreed: true);
        _agreement.Answered("web1", "Back up", agreed: false);
        Assert.False(_agreement.Allows("web1", "Back up"));
    }

    [Fact]
    public void AnAnswerIsNotTakenForAnotherThingThatFailedBeforeItWasAskedAbout()
    {
        _agreement.Failed("There is no snapshot 'a'.");
        _agreement.Answered("web1", "Go back to 'b'", agreed: true);
        Assert.True(_agreement.Allows("web1", "Go back to 'b'"));
        Assert.Throws<MomentException>(() => _agreement.Allows("web1", "Go back to 'a'"));
    }

    [Fact]
    public void WhatWasSaidOnceIsLeftOutOnce()
    {
        _agreement.Said("old");
        _agreement.Failed("gone");
        Assert.True(_agreement.WasSaid("old"));
        Assert.False(_agreement.WasSaid("old"));
        Assert.True(_agreement.WasSaid("gone"));
        Assert.False(_agreement.WasSaid("new"));
    }

    [Fact]
    public void WithoutAQuestionOrAnErrorItIsSilent()
    {
        Assert.True(_agreement.IsSilent);
        _agreement.Said("a warning");
        Assert.True(_agreement.IsSilent);
        _agreement.Failed("an error");
        Assert.False(_agreement.IsSilent);
        Assert.False(_agreement.HasAgreed);
    }
}
